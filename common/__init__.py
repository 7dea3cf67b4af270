"""Files and progress, which every package may use: nothing here knows of routers, experts or records."""
