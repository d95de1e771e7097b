package pages

// MailName returns what a kind of mail is called.
func (f *frame) MailName(category string) string { return f.T("mails." + category + ".name") }

// SignUpMails returns what the mails are called that somebody gets who signs up.
func (f *frame) SignUpMails() []string {
	var out []string
	for _, category := range f.r.cfg.Mails {
		out = append(out, f.MailName(category))
	}
	return out
}
