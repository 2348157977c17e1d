"""The cast: ana is loyal, ben is new, olga is the operator."""
