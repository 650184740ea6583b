"""Server-rendered pages, by capability. They use services through the same permission checks as the API."""
