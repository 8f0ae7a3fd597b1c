"""The AWS side, on boto3 and Powertools."""
