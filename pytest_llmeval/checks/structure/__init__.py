"""What a reply is made of: fields of JSON, patterns and formats of schemas, code, Markdown."""
