package incident

// These give tests access to the hash for unknown users, and to the way passwords
// are hashed.
const DummyHash = dummyHash

var HashParams = hashParams

// RenderTemplate gives tests access to rendering a template for an incident.
var RenderTemplate = renderTemplate
