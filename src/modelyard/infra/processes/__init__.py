"""Starting, stopping and outliving child processes; where run-time sockets lie."""
