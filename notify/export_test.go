package notify

// Token is what an unsubscribe link of this service has.
func (s *Service) Token(u Person, c Category) string { return s.token(u.ID, u.EmailKey, c) }
