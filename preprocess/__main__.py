from preprocess.cli import app

app(prog_name="python -m preprocess")
