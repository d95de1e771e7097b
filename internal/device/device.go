// Package device says in a few words what a User-Agent header stands for, so
// that a person recognises a session in a list. It is a description and never a
// reason to allow anything: the header is whatever the client likes to send.
package device

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mileusna/useragent"
)

// Kind is the sort of device, for an icon.
type Kind string

// The kinds.
const (
	Desktop Kind = "desktop"
	Phone   Kind = "phone"
	Tablet  Kind = "tablet"
	Bot     Kind = "bot"   // crawlers and browsers that nobody looks at
	Other   Kind = "other" // programs, and what is not known
)

// Device is what could be told. Versions are left out: browsers freeze them.
type Device struct {
	Browser string // "Chrome"; "" if not known; at most 32 characters of ASCII
	OS      string // as people call it: "macOS", "iPhone"; "" if not known; one of a fixed list
	Kind    Kind
}

// maxAgent is how much of a header is kept, in bytes.
const maxAgent = 512

// browsers gives names that people know to those that the header has.
var browsers = map[string]string{
	"Samsung Browser": "Samsung Internet",
	"Opera Touch":     "Opera",
	"Android browser": "Android Browser",
	"Mobile Safari":   "Safari",
	"Trident":         "Internet Explorer",
	"Go-http-client":  "Go HTTP client",
	"python-requests": "Python requests",
	"Python-urllib":   "Python urllib",
	"okhttp":          "OkHttp",
	"node-fetch":      "Node.js",
	"node":            "Node.js",
	"undici":          "Node.js",
}

// systems is the fixed list of operating systems.
var systems = map[string]string{
	useragent.Windows: "Windows", useragent.WindowsPhone: "Windows Phone", useragent.Android: "Android",
	useragent.MacOS: "macOS", useragent.IOS: "iOS", useragent.Linux: "Linux", useragent.FreeBSD: "FreeBSD",
	useragent.ChromeOS: "ChromeOS", useragent.BlackBerry: "BlackBerry", useragent.Harmony: "HarmonyOS",
}

// handhelds are devices that people know by their own name, with the system that
// runs them.
var handhelds = map[string]string{"iPhone": "iOS", "iPad": "iPadOS"}

// System returns the name of the operating system where OS is that of the device:
// "iOS" of an iPhone. It is for programs.
func (d Device) System() string {
	if s := handhelds[d.OS]; s != "" {
		return s
	}
	return d.OS
}

// Parse reads a User-Agent header of any content and length.
func Parse(userAgent string) Device {
	userAgent = Clean(userAgent)
	if userAgent == "" {
		return Device{Kind: Other}
	}
	ua := useragent.Parse(userAgent)
	d := Device{Browser: browserName(ua.Name), OS: systems[ua.OS]}
	if ua.OS == useragent.IOS && handhelds[ua.Device] != "" {
		d.OS = ua.Device
	}
	d.Kind = kind(ua, userAgent)
	return d
}

func kind(ua useragent.UserAgent, header string) Kind {
	switch {
	case ua.Bot || ua.Name == useragent.Bingbot:
		return Bot
	case ua.Tablet:
		return Tablet
	case ua.OS == useragent.Android && !strings.Contains(header, "Mobile"):
		return Tablet // Android tells tablets from phones by this word alone
	case ua.Mobile:
		return Phone
	case ua.Desktop:
		return Desktop
	}
	return Other
}

// browserName lets through what looks like the name of a program, because for an
// unknown one the parser returns whatever text stood there.
func browserName(name string) string {
	if known, ok := browsers[name]; ok {
		return known
	}
	if len(name) > 32 {
		return ""
	}
	letters := false
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
			letters = true
		case !('0' <= r && r <= '9') && !strings.ContainsRune(" ._-+", r):
			return ""
		}
	}
	if !letters {
		return ""
	}
	return strings.TrimSpace(name)
}

// Name describes d in English: "Chrome on macOS", or the part that is known, or
// "Unknown device". Translations are made of the parts.
func (d Device) Name() string {
	switch {
	case d.Browser != "" && d.OS != "":
		return d.Browser + " on " + d.OS
	case d.Browser != "":
		return d.Browser
	case d.OS != "":
		return d.OS
	}
	return "Unknown device"
}

// Clean makes a User-Agent header fit for storing: valid UTF-8 without controls
// and invisible characters, at most 512 bytes, trimmed.
func Clean(userAgent string) string {
	if len(userAgent) > 4*maxAgent {
		userAgent = userAgent[:4*maxAgent]
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, strings.ToValidUTF8(userAgent, ""))
	clean = strings.TrimSpace(clean)
	if len(clean) > maxAgent {
		clean = strings.TrimSpace(strings.ToValidUTF8(clean[:maxAgent], ""))
	}
	return clean
}
