"""bluesky-tiled-plugins' writer of a run, made idempotent: everything it does can be done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from bluesky_tiled_plugins.writing.consolidators import consolidator_factory
from bluesky_tiled_plugins.writing.tiled_writer import RunNormalizer, _RunWriter
from event_model import DocumentNames
from tiled.structures.core import StructureFamily
from tiled.structures.data_source import DataSource
from tiled.structures.table import TableStructure

from .access import find_node
from .external_file import ExternalFileRefusedError, require_inner_links, resolve_external
from .table import StreamTable


class Normalizer(RunNormalizer):
    """Renames reserved keys; events are not validated a second time."""

    def emit(self, name: Any, doc: Any) -> None:  # noqa: ANN401
        """Hand a document on."""
        if name is DocumentNames.event:
            self.dispatcher.process(name, doc)
        else:
            super().emit(name, doc)


class RunWriter(_RunWriter):
    """Writes one run; nodes that exist are taken up, tables are replaced as a whole, arrays by position.

    Parameters
    ----------
    client : tiled.client.container.Container
        Catalogue of runs.
    roots : tuple of Path
        Folders from which external files may be registered.
    """

    def __init__(self, client: Any, roots: tuple[Path, ...]) -> None:  # noqa: ANN401
        super().__init__(client)
        self.roots = roots
        self.refused: dict[str, str] = {}
        self._unread: dict[str, Path] = {}
        self._tables: dict[str, StreamTable] = {}
        self._run_is_new = False
        self._new_streams: set[str] = set()
        self._with_sources: dict[str, Any] = {}

    def start(self, doc: Any) -> None:  # noqa: ANN401
        """Make the run's container, or take it up."""
        self.root_node = find_node(self.client, doc["uid"])
        self._run_is_new = self.root_node is None
        if self._run_is_new:
            super().start(doc)

    def descriptor(self, doc: Any) -> None:  # noqa: ANN401
        """Make a stream's container, or take it up."""
        name = doc["name"]
        self._tables.setdefault(name, StreamTable(doc["data_keys"]))
        if name not in self._desc_nodes and not self._run_is_new:
            stream = find_node(cast("Any", self.root_node).base, name)
            if stream is not None:
                self.data_keys.update(doc["data_keys"])
                self._desc_nodes[name] = stream.base
        node = cast("Any", self._desc_nodes.get(name))
        known = () if node is None else node.metadata.get("_config_updates", ())
        if node is not None and doc["uid"] in (node.metadata["uid"], *(update["uid"] for update in known)):
            self._desc_nodes[doc["uid"]] = node
            return
        if node is None:
            self._new_streams.add(name)
        super().descriptor(doc)

    def event(self, doc: Any) -> None:  # noqa: ANN401
        """Collect a row."""
        self._tables[self._desc_nodes[doc["descriptor"]].item["id"]].add(doc)

    def flush(self) -> None:
        """Bring Tiled's tables, arrays and external files up to what was collected so far."""
        for doc in self._external_data_cache.values():
            self._write_external_data(doc)
        self._external_data_cache.clear()
        blocks = {name: table.merge() for name, table in self._tables.items() if table.pending}
        # Verdicts first, arrays last: what is said of a frame is not to wait for what it was read from.
        for name in sorted(blocks, key=lambda name: name != "primary"):
            self._write_table(name, self._tables[name])
        for name, arrays in blocks.items():
            for key, changes in arrays.items():
                self._write_array(name, key, changes)

    def stop(self, doc: Any) -> None:  # noqa: ANN401
        """Write the last rows, then the stop document."""
        self.flush()
        super().stop(doc)

    def table(self, name: str) -> Any:  # noqa: ANN401
        """Client of a stream's table, None if it was not written here."""
        return self._internal_tables.get(name)

    def _close_stream_tree(self) -> None:
        # Whoever follows a run in Tiled learns here that it has ended; to close each node below it as well
        # would be a quarter of all requests.
        if self.root_node is not None:
            self.root_node.close_stream()

    def stream_resource(self, doc: Any) -> None:  # noqa: ANN401
        """Note an external file, or refuse it."""
        try:
            real = resolve_external(doc["uri"], self.roots)
        except ExternalFileRefusedError as error:
            self._refuse(doc["uid"], error)
            return
        self._unread[doc["uid"]] = real
        super().stream_resource(cast("Any", {**doc, "uri": f"file://localhost{real}"}))

    def stream_datum(self, doc: Any) -> None:  # noqa: ANN401
        """Register frames of an external file that was not refused, once its inner links are known."""
        resource = doc["stream_resource"]
        if (file := self._unread.pop(resource, None)) is not None:
            try:
                require_inner_links(file, self.roots)
            except ExternalFileRefusedError as error:
                self._refuse(resource, error)
        if resource not in self.refused:
            super().stream_datum(doc)

    def _update_data_source_for_node(self, node: Any, data_source: DataSource, patch: Any = None) -> None:  # noqa: ANN401
        # A node that knows its data sources is not asked for them at each batch of frames.
        known = self._with_sources.get(node.uri) or node.include_data_sources()
        self._with_sources[node.uri] = known
        super()._update_data_source_for_node(known, data_source, patch)

    def _refuse(self, resource: str, error: ExternalFileRefusedError) -> None:
        self.refused[resource] = str(error)
        self.notes.append(str(error))

    def get_sres_node(self, sres_uid: str, desc_uid: str | None = None) -> tuple[Any, Any]:
        """Make the node of an external file, or take it up."""
        doc = self._stream_resource_cache.get(sres_uid)
        if doc is not None and desc_uid is not None and sres_uid not in self._sres_nodes:
            node = self._desc_nodes[desc_uid]
            name = f"{node.item['id']}_{doc['data_key']}"
            known = None if name in self._sres_nodes else self._find_in_stream(node, doc["data_key"])
            if known is not None:
                consolidator = cast("Any", consolidator_factory(doc, node.metadata))
                self._sres_nodes[sres_uid] = self._sres_nodes[name] = known
                self._consolidators[sres_uid] = self._consolidators[name] = consolidator
        return super().get_sres_node(sres_uid, desc_uid)

    def _internal_dims(self, desc_name: str, shape: tuple[int | None, ...]) -> tuple[str, ...]:
        """Name dimensions by size, those of a square image apart: xarray wants distinct names."""
        dims = super()._internal_dims(desc_name, shape)
        return tuple(f"{dim}_{axis}" if dim in dims[:axis] else dim for axis, dim in enumerate(dims))

    def _find_in_stream(self, stream: Any, key: str) -> Any:  # noqa: ANN401
        return None if stream.item["id"] in self._new_streams else find_node(stream, key)

    def _write_table(self, name: str, table: StreamTable) -> None:
        if name not in self._internal_tables:
            node = self._desc_nodes[name]
            known = self._find_in_stream(node, "internal")
            self._internal_tables[name] = self._make_table(node, table) if known is None else known
        self._internal_tables[name].write(table.frame)

    def _make_table(self, node: Any, table: StreamTable) -> Any:  # noqa: ANN401
        structure = TableStructure.from_pandas(table.frame)
        source = DataSource(structure=structure, structure_family=StructureFamily.table)
        metadata = {key: value for key, value in self.data_keys.items() if key in table.frame.columns}
        return node.new(StructureFamily.table, [source], key="internal", metadata=metadata)

    def _write_array(self, name: str, key: str, changes: list[tuple[int, Any]]) -> None:
        path, node = f"{name}/{key}", self._desc_nodes[name]
        if path not in self._internal_arrays and (known := self._find_in_stream(node, key)) is not None:
            self._internal_arrays[path] = known
        for position, block in changes:
            if path in self._internal_arrays:
                offset = (position,) + (0,) * (block.ndim - 1)
                self._internal_arrays[path].patch(block, offset=offset, extend=True)
            else:
                metadata = {**self.data_keys[key], "dtype_numpy": block.dtype.str}
                dims = self._internal_dims(name, block.shape)
                self._internal_arrays[path] = node.write_array(block, key=key, metadata=metadata, dims=dims)
