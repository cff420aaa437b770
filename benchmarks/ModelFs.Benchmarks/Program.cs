using BenchmarkDotNet.Running;
using ModelFs.Benchmarks;

// `reads` measures the program through a real mount; anything else goes to BenchmarkDotNet.
if (args is ["reads", ..])
    return await MountedReads.RunAsync();
BenchmarkSwitcher.FromAssembly(typeof(MountedReads).Assembly).Run(args);
return 0;
