"""What a test gives the fixture llm, made into what a request can carry."""
