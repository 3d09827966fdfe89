"""What kill_links kills: processes that write and read links."""
