package sheet
import ("testing";"os")
func TestDump(t *testing.T){ r,_:=New(); b,err:=r.Render(sample(t)); if err!=nil{t.Fatal(err)}; os.WriteFile("/tmp/h3a.pdf",b,0o600)}
