"""Exchange accounts behind one protocol. The only package that imports ccxt."""
