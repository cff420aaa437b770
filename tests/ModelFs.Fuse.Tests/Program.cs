using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Fuse;
using ModelFs.Fuse.Tests;

// The daemon that tests kill, or run as another user: mounts HelloFileSystem, says so, and serves until it is unmounted.
try
{
    await using FuseMount mount = await FuseMount.MountAsync(args[0], new HelloFileSystem(), new FuseMountOptions { Name = "hello" }, NullLoggerFactory.Instance);
    Console.WriteLine("mounted");
    await mount.Completion;
    return 0;
}
catch (FuseMountException failure)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
