"""What the system tests stand on: processes, servers, clients and hostile bytes."""
