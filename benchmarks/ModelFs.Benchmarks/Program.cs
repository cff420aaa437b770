using BenchmarkDotNet.Running;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;

// `figures` measures the program through real mounts, `reader` is its child; anything else goes to BenchmarkDotNet.
switch (args)
{
    case ["figures", ..]:
        return await FiguresCommand.RunAsync(args[1..]);
    case ["reader"]:
        return ReaderProgram.Run(Console.In, Console.Out);
    default:
        BenchmarkSwitcher.FromAssembly(typeof(FiguresCommand).Assembly).Run(args);
        return 0;
}
