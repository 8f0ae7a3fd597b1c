"""The operations of the API, one file each. Each returns a response or raises `ApiError`, and runs under the lock."""
