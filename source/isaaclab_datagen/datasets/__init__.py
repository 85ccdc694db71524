"""Episodes on disk: the contract, the formats, the engine that fills them, the checks. Never imports a simulator."""
