"""The methods: what each is declared to be, and how it runs on a model. `registry` lists all of them by name."""
