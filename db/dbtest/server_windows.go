package dbtest

func startServer() (string, error) { return "", errNone }
