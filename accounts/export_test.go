package accounts

import "context"

// HoldDecoding takes every slot in which uploads are decoded.
func (s *Service) HoldDecoding(ctx context.Context) (release func(), err error) {
	return s.pictures.decoding.Acquire(ctx)
}

// UploadsUnderWay returns how many people are listed as uploading.
func (s *Service) UploadsUnderWay() int {
	s.pictures.mu.Lock()
	defer s.pictures.mu.Unlock()
	return len(s.pictures.uploads)
}
