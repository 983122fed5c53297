"""How statements are run: connections, pools, transactions, retries."""
