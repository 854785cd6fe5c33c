"""Schema, migrations, and all the SQL there is."""
