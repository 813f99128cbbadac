"""What joins the rooms: experiment file, RunEngine, journal, services, command line."""
