package zoomsim

import "net/http"

// Page is the page where one can be Zoom. It must be mounted at /simulator/.
func (s *Sim) Page() http.Handler { return http.NotFoundHandler() }
