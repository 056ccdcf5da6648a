package incident

// For tests: what an unknown person's password is compared with, and how
// passwords are hashed.
const DummyHash = dummyHash

var HashParams = hashParams

// For tests: how a template is filled in for an incident.
var RenderTemplate = renderTemplate
