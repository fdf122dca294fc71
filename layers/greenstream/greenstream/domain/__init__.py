"""The rules: pure functions and value types. No AWS, no HTTP, no environment, no clock."""
