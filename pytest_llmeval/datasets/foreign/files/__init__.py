"""Files of other tools by their kind: tables, JSON, YAML, packed logs."""
