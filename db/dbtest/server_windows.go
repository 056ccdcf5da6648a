package dbtest

func startServer() (string, func() error, error) { return "", nil, errNone }
