package postgres_test

import (
	"context"
	"log"
	"time"

	"github.com/aegisrunner/account-settings/bunstore/postgres"
)

func ExampleOpenWith() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	store, err := postgres.OpenWith(ctx, postgres.Config{
		DSN:          "postgres://app@db.internal/app?search_path=settings",
		MaxOpenConns: 50,
	})
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = store.Close() }()
}
