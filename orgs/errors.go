package orgs

import (
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/upload"
)

// Errors of this package. Rejected input is a [fault.Fields]; a demand for a
// fresh proof is an [audit.StepUpError].
var (
	// ErrOrgNotFound: no such organization, or none that the caller may know of.
	ErrOrgNotFound = fault.New(fault.NotFound, "not_found", "orgs: organization not found")

	// ErrForbidden: the role of the caller does not allow it.
	ErrForbidden = fault.New(fault.Forbidden, "forbidden", "orgs: the role does not allow it")

	// ErrNotMember: not a member of this organization.
	ErrNotMember = fault.New(fault.NotFound, "not_found", "orgs: not a member")

	// ErrPersonNotFound never leaves the services.
	ErrPersonNotFound = fault.New(fault.NotFound, "not_found", "orgs: person not found")

	// ErrAlreadyMember: is a member already.
	ErrAlreadyMember = fault.New(fault.Conflict, "already_member", "orgs: is a member already")

	// ErrSlugTaken: the slug is somebody else's, or reserved for somebody else.
	ErrSlugTaken = fault.New(fault.Conflict, "slug_taken", "orgs: slug is taken")

	// ErrOwnerRequired: the Owner cannot leave, be removed or get another role;
	// ownership is transferred first.
	ErrOwnerRequired = fault.New(fault.Conflict, "owner_required", "orgs: an organization needs its Owner")

	// ErrStaleOwner: somebody else has become the Owner meanwhile.
	ErrStaleOwner = fault.New(fault.Conflict, "stale_owner", "orgs: the Owner is another by now")

	// ErrSoleOwner: the person still owns organizations.
	ErrSoleOwner = fault.New(fault.Conflict, "sole_owner", "orgs: the only Owner of an organization")

	// ErrInvitationNotFound: no such invitation of this organization.
	ErrInvitationNotFound = fault.New(fault.NotFound, "not_found", "orgs: invitation not found")

	// ErrImportNotFound: no such import of this organization.
	ErrImportNotFound = fault.New(fault.NotFound, "not_found", "orgs: import not found")

	// ErrImportTooLarge: the file is larger than MaxImportBytes.
	ErrImportTooLarge = fault.New(fault.TooLarge, "too_large", "orgs: the file is larger than 1 MiB")

	// ErrLinkGone: unknown, used, expired, revoked or superseded; one answer for all.
	ErrLinkGone = fault.New(fault.Gone, "link_gone", "orgs: link is gone")

	// ErrWrongRecipient: the invitation is for another address than that of the
	// person who acts.
	ErrWrongRecipient = fault.New(fault.Forbidden, "wrong_recipient", "orgs: the invitation is for another address")

	// ErrSeatLimit: the plan has no seat left.
	ErrSeatLimit = fault.New(fault.Limit, "seat_limit", "orgs: no seat is left")

	// ErrPlanRequired is wrapped by a [PlanError].
	ErrPlanRequired = fault.New(fault.Limit, "plan_required", "orgs: the plan does not include it")

	// ErrRateLimited: too many invitations, uploads or attempts. Wrapped in a [fault.Retry].
	ErrRateLimited = fault.New(fault.Throttled, "rate_limited", "orgs: too many at once")

	// ErrDomainExists: the organization has this domain already.
	ErrDomainExists = fault.New(fault.Conflict, "domain_exists", "orgs: domain is listed already")

	// ErrDomainTaken: another organization has proven this domain.
	ErrDomainTaken = fault.New(fault.Conflict, "domain_taken", "orgs: domain is another organization's")

	// ErrDomainNotFound: no such domain of this organization.
	ErrDomainNotFound = fault.New(fault.NotFound, "not_found", "orgs: domain not found")

	// ErrDomainUnproven: the record was not found in DNS.
	ErrDomainUnproven = fault.New(fault.Conflict, "domain_unproven", "orgs: the record is not in DNS")

	// ErrLogoTooLarge: over 5 MiB, or over 25 megapixels by its header.
	ErrLogoTooLarge = upload.ErrTooLarge

	// ErrLogoType: neither PNG, JPEG, WebP nor GIF.
	ErrLogoType = upload.ErrType

	// ErrBusy: every slot for decoding pictures is taken. Wrapped in a [fault.Retry].
	ErrBusy = upload.ErrBusy

	// ErrNotDeleted: there is nothing to restore.
	ErrNotDeleted = fault.New(fault.Conflict, "not_deleted", "orgs: organization is not deleted")
)

// PlanError says which plan includes what was asked for.
type PlanError struct {
	Feature Feature
	Plan    string // the smallest plan with it
}

func (e *PlanError) Error() string { return ErrPlanRequired.Error() + ": " + string(e.Feature) }

// Unwrap returns [ErrPlanRequired].
func (e *PlanError) Unwrap() error { return ErrPlanRequired }

// Needs returns the feature and the plan.
func (e *PlanError) Needs() (feature, plan string) { return string(e.Feature), e.Plan }

// MovedError is returned to a member who asks by a former slug.
type MovedError struct{ Slug string }

func (e *MovedError) Error() string { return "orgs: organization has another slug" }
