"""Reading shards as they arrive: from disk, a web server or the Hub."""
