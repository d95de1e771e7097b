package catalog

import "strconv"

// Size says how large a file is, in decimal units with one digit after the point:
// "340 kB", "2.4 MB". What is smaller than a kilobyte is one.
func (p *Printer) Size(bytes int64) string {
	kilobytes := max(1, (bytes+999)/1000)
	if kilobytes < 1000 {
		return p.T("size.kb", "n", strconv.FormatInt(kilobytes, 10))
	}
	tenths := (bytes + 50_000) / 100_000
	if tenths < 10_000 {
		return p.T("size.mb", "n", p.tenths(tenths))
	}
	return p.T("size.gb", "n", p.tenths((bytes+50_000_000)/100_000_000))
}

func (p *Printer) tenths(n int64) string {
	return p.Number(int(n/10)) + p.T("number.decimal") + strconv.FormatInt(n%10, 10)
}
