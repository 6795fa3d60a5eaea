"""What people say of recorded episodes, and how far a judge agrees with them."""
