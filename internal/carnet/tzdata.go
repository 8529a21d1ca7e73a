package carnet

import _ "time/tzdata" // civil dates do not depend on what the machine has installed
