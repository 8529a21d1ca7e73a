// The page of an import that goes on asks for the next rows by itself, until somebody leaves it. Without scripts the button does.
const more = document.getElementById("more");
const timer = setTimeout(() => more.requestSubmit(), 400);
more.addEventListener("click", () => clearTimeout(timer));
