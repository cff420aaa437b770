using System.Runtime.InteropServices;
using ModelFs.Fuse;
using ModelFs.Fuse.Tests;

// The daemon that tests kill, or run as another user: mounts HelloFileSystem, says so, and serves until it is unmounted or told to stop.
var log = new CollectedLog();
try
{
    await using FuseMount mount = await FuseMount.MountAsync(args[0], new HelloFileSystem(), new FuseMountOptions { Name = "hello" }, log);
    using var stop = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        _ = mount.DisposeAsync();
    });
    Console.WriteLine("mounted");
    await mount.Completion;
    return 0;
}
catch (FuseMountException failure)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
finally
{
    foreach ((_, string text) in log.Lines)
        Console.Error.WriteLine(text);
}
