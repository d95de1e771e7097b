package security

import (
	"context"
	"net/netip"
)

// Place is roughly where an address is. A part that is not known is empty.
type Place struct {
	City    string // "Pune"
	Region  string // the first subdivision: "Maharashtra"
	Country string // "India"

	// CountryCode is that of ISO 3166-1, two capital letters: "IN". Places in
	// different languages or editions of a database are compared by it.
	CountryCode string
}

// String is how the place is shown, from small to large: "Pune, India",
// "India", or "" when nothing is known. The region stands in for a city that is
// not known, the code for a country without a name, and a city state is named
// once.
func (p Place) String() string {
	small, large := p.City, p.Country
	if small == "" {
		small = p.Region
	}
	if large == "" {
		large = p.CountryCode
	}
	switch {
	case small == "" || small == large:
		return large
	case large == "":
		return small
	}
	return small + ", " + large
}

// IsZero reports whether nothing is known.
func (p Place) IsZero() bool { return p == Place{} }

// Geolocator tells where an address is. Implementations are safe for concurrent
// use.
//
// It is asked in the course of a request, so it answers from this machine and in
// much less than a millisecond; one that must ask a service elsewhere also hands
// people's addresses to it.
type Geolocator interface {
	// Locate returns the zero Place and no error for an address that it does not
	// know, or that belongs to no place, such as a private one. It leaves out
	// what it does not know and never guesses. An error means unknown as well:
	// it is logged, and the place is left out.
	Locate(ctx context.Context, ip netip.Addr) (Place, error)
}
