package main

import (
	"context"
	"fmt"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// projects is the directory of a host that keeps its projects in tables of its
// own, in the same database. Every organization begins with two.
type projects struct{ db *bunstore.DB }

func newProjects(ctx context.Context, db *bunstore.DB) (*projects, error) {
	for _, table := range []string{
		`CREATE TABLE IF NOT EXISTS example_projects (
			org_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (org_id, id))`,
		`CREATE TABLE IF NOT EXISTS example_project_members (
			org_id TEXT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (org_id, project_id, user_id))`,
	} {
		if _, err := db.Conn(ctx).ExecContext(ctx, table); err != nil {
			return nil, fmt.Errorf("projects: %w", err)
		}
	}
	return &projects{db}, nil
}

// Projects implements [orgs.ProjectDirectory].
func (p *projects) Projects(ctx context.Context, org id.Org) ([]orgs.Project, error) {
	for key, name := range map[string]string{"website": "Website", "api": "API"} {
		_, err := p.db.Conn(ctx).ExecContext(ctx,
			`INSERT INTO example_projects (org_id, id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, org.String(), key, name)
		if err != nil {
			return nil, err
		}
	}
	rows, err := p.db.Conn(ctx).QueryContext(ctx, `SELECT id, name FROM example_projects WHERE org_id = ? ORDER BY name`, org.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []orgs.Project
	for rows.Next() {
		var one orgs.Project
		if err := rows.Scan(&one.ID, &one.Name); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// Joined implements [orgs.ProjectDirectory].
func (p *projects) Joined(ctx context.Context, org id.Org, user id.User, joined []string) error {
	for _, key := range joined {
		_, err := p.db.Conn(ctx).ExecContext(ctx,
			`INSERT INTO example_project_members (org_id, project_id, user_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			org.String(), key, user.String())
		if err != nil {
			return err
		}
	}
	return nil
}
