"""The Omniverse extension. Kit imports its module ``extension`` (``config/extension.toml``); nothing else does."""
