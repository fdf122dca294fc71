"""How a provider's answers become stored readings: the pipeline and the HTTP client."""
