package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
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
		one.URL = "/projects/" + org.String() + "/" + one.ID
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

// role returns what a member of an organization is in one of its projects: those
// who came to it through Joined are there what they are in the organization.
func (p *projects) role(ctx context.Context, v orgs.OrgView, project string) (orgs.Role, error) {
	var there bool
	err := p.db.Conn(ctx).QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM example_project_members WHERE org_id = ? AND project_id = ? AND user_id = ?)`,
		v.ID.String(), project, v.Membership.User.String()).Scan(&there)
	if err != nil {
		return "", err
	}
	var explicit orgs.Role
	if there {
		explicit = v.Membership.Role
	}
	return orgs.ProjectRole(v.Membership.Role, explicit), nil
}

// projectPage is a page of the host's own, for people who reach the project.
type projectPage struct {
	app       *settings.Settings
	directory *projects
	log       *slog.Logger
}

var projectTemplate = template.Must(template.New("project").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Project}}</title>
<body><main><h1>{{.Project}}</h1>
<p>A project of {{.Org}}. You are its {{.Role}}.</p>
<p><a href="{{.Settings}}">Settings of {{.Org}}</a></p></main>
`))

func (h projectPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, _ := settings.UserFrom(r.Context())
	org, err := id.ParseOrg(r.PathValue("org"))
	if err == nil {
		err = h.show(w, r, user.Actor, org)
	}
	switch {
	case err == nil:
	case errors.Is(err, fault.NotFound), errors.Is(err, fault.Forbidden):
		http.NotFound(w, r)
	default:
		h.log.ErrorContext(r.Context(), "server: project not shown", "err", err)
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}
}

var errNoProject = fault.New(fault.NotFound, "not_found", "server: no such project")

func (h projectPage) show(w http.ResponseWriter, r *http.Request, actor settings.Actor, org id.Org) error {
	v, err := h.app.Orgs.Get(r.Context(), actor, org.String())
	if err != nil {
		return err
	}
	all, err := h.directory.Projects(r.Context(), org)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p orgs.Project) bool { return p.ID == r.PathValue("project") })
	if i < 0 {
		return errNoProject
	}
	role, err := h.directory.role(r.Context(), v, all[i].ID)
	if err != nil {
		return err
	}
	if role == "" {
		return errNoProject // nobody outside of it is told that it is there
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	head.Set("X-Content-Type-Options", "nosniff")
	return projectTemplate.Execute(w, map[string]string{
		"Project": all[i].Name, "Org": v.Name, "Role": string(role), "Settings": "/settings/orgs/" + v.Slug + "/general",
	})
}
