"""One nightly run on this machine: both clouds emulated, the real functions, every outcome verified with the cloud."""
