package incident

// For tests: what an unknown person's password is compared with, and how
// passwords are hashed.
const DummyHash = dummyHash

var HashParams = hashParams
