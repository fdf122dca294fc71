"""The adapters: the ports on DynamoDB, Parameter Store and Powertools."""
