"""Models behind an address: anything that speaks the OpenAI protocol."""
