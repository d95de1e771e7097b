package postgres

// The modes of statements, for tests that speak to the driver.
const (
	Keep = keep
	Hold = hold
)
