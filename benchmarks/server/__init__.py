"""The routing server: kept routers and their experts behind the protocols that clients speak."""
