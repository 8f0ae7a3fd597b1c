"""A night on one machine: both clouds emulated, the real handlers in between, and a judge who trusts only the cloud."""
