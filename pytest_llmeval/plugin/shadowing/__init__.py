"""The shadow test: what production was asked, asked again of the model on trial."""
