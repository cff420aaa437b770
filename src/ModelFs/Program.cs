using System.Runtime.Versioning;
using ModelFs.Commands;

[assembly: SupportedOSPlatform("linux")]

return await CommandLine.RunAsync(args);
